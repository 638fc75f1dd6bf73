"""llama.cpp's server on 127.0.0.1, until its standard input ends: python -m tests.servers.llama PORT GGUF."""

import sys

import xllamacpp

port, gguf = sys.argv[1:]
settings = xllamacpp.CommonParams()
settings.model.path = gguf
settings.port = int(port)
settings.n_parallel, settings.n_ctx = 2, 8192
settings.cpuparams.n_threads = 1  # with more, its threads wait for each other where a machine is busy
server = xllamacpp.Server(settings)
print("listening", server.listening_address, file=sys.stderr, flush=True)
sys.stdin.read()
