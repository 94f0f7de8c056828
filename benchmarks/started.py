"""Runs the command given; prints its exit code, and user CPU and peak KB of it and its children.

Linux counts the memory of the process that starts a command as the command's own peak. A benchmark
has loaded pandas; this one is small. What the command prints goes to standard error.
"""

import resource
import subprocess
import sys

code = subprocess.call(sys.argv[1:], stdout=sys.stderr)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(code, used.ru_utime, used.ru_maxrss)
