#!/usr/bin/python3 -S
"""Stands in for clang++ in the build of V8 from source: compiles V8's largest targets against precompiled headers.

Each of the generated builtins parses the same headers for ten seconds and more; precompiled, they compile an order of
magnitude faster. A target has a header if $V8_PCH_DIR holds a file of its name; that header is precompiled once for each set
of flags. A file that does not compile that way is compiled as if this script were not there, so nothing depends on it but
time. $V8_CLANG names the real compiler. Knows the names of V8's build targets and nothing else of V8.
"""
import fcntl
import hashlib
import os
import subprocess
import sys

CLANG = [os.environ['V8_CLANG'], '--driver-mode=g++']
PCH_DIR = os.environ.get('V8_PCH_DIR', '')
# The flag names libc++'s module map, with which clang refuses precompiled headers; it matters to Chromium's modules only.
ARGS = [arg for arg in sys.argv[1:] if not arg.startswith('-fmodule-name')]


def plain():
    os.execv(CLANG[0], CLANG + ARGS)


def header_of():
    """The header to precompile for what these arguments compile (obj/v8/TARGET/FILE.o), or None."""
    if '-c' not in ARGS or '-o' not in ARGS:
        return None
    parts = ARGS[ARGS.index('-o') + 1].split('/')
    if len(parts) < 4 or parts[:2] != ['obj', 'v8']:
        return None
    header = f'{PCH_DIR}/{parts[2]}.h'
    return header if os.path.exists(header) else None


def shared_flags():
    """The arguments without those that differ from file to file."""
    flags, rest = [], iter(ARGS)
    for arg in rest:
        if arg in ('-c', '-o', '-MF'):
            next(rest)
        elif arg != '-MD':
            flags.append(arg)
    return flags


def precompiled(header):
    """The precompiled header's path, made if need be; None where it cannot be made."""
    flags = shared_flags()
    with open(header, 'rb') as source:
        key = hashlib.sha1('\0'.join(flags).encode() + b'\0' + source.read()).hexdigest()[:12]
    pch = f'{header[:-2]}-{key}.pch'
    with open(pch + '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(pch) and not os.path.exists(pch + '.bad'):
            with open(pch + '.err', 'w') as errors:
                made = subprocess.run(
                    [*CLANG, *flags, '-x', 'c++-header', '-fpch-instantiate-templates', '-w', header, '-o', pch + '.part'],
                    stderr=errors)
            if made.returncode == 0:
                os.rename(pch + '.part', pch)
            else:
                open(pch + '.bad', 'w').close()
    return pch if os.path.exists(pch) else None


header = header_of() if PCH_DIR else None
pch = precompiled(header) if header else None
if pch:
    done = subprocess.run([*CLANG, *ARGS, '-include-pch', pch, '-w'], stderr=subprocess.DEVNULL)
    if done.returncode == 0:
        sys.exit(0)
plain()
