"""What is remembered of every model, and how to share it with a colleague who has no GPU.

Replies are in `$SEQIT_REPLIES`, else in .seqit/replies.sqlite of the main checkout. `export` writes them to a file with
the requests that they answer; after `import`, the same experiment runs on another machine without asking the model.
"""

from stages.core.cli import start
from stages.reply_store.commands import app

if __name__ == "__main__":
    start(app)
