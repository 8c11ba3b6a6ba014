# Starts the servers of a checkout of web-platform-tests: what its `./wpt serve` does, without the parts of a whole checkout that
# `./wpt` wants. Arguments: the checkout, a configuration file. Ends when its input does, so that it never outlives who started it.
import os
import sys
import threading

root, config = sys.argv[1:3]
sys.argv[1:] = ["--config", config, "--no-h2"]
sys.path.insert(0, root)
os.chdir(root)


def end_with_input():
    # Not by `sys.stdin`: its lock, held here when a process is forked, would be held in the fork for ever.
    while os.read(0, 4096):
        pass
    # The servers are processes of this one's group.
    os.killpg(0, 15)


if __name__ == "__main__":
    os.setpgid(0, 0)
    threading.Thread(target=end_with_input, daemon=True).start()
    from tools import localpaths  # noqa: F401
    from tools.serve import serve

    sys.exit(serve.main())
