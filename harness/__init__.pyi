from harness.api.evaluate import evaluate as evaluate
from harness.api.evaluate import open as open
from harness.api.merge import merge as merge
from harness.api.restorers import restorer as restorer
from harness.api.run import Run as Run
from harness.errors import HarnessError as HarnessError
from harness.errors import UserError as UserError
from harness.study.study import Study as Study

__version__: str
