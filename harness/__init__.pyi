from harness.errors import HarnessError as HarnessError
from harness.errors import UserError as UserError
from harness.library.evaluate import evaluate as evaluate
from harness.library.evaluate import open as open
from harness.library.own_restorers import restorer as restorer
from harness.library.results import Run as Run
from harness.study import Study as Study

__version__: str
