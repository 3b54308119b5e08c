"""An empty grpcio server: raw bytes in, so many bytes out. What gRPC itself costs, and nothing else.

`python -m loadtests.benchmarks.echo REPLY_BYTES THREADS` prints its port and answers until its input closes.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

SERVICE = "cart_recovery.loadtests.Echo"
METHOD = f"/{SERVICE}/Echo"


def serve(reply_bytes: int, threads: int) -> tuple[grpc.Server, int]:
    """A started server on a free port of the loopback interface, and its port."""
    reply = bytes(reply_bytes)

    def answer(_request: bytes, _context: grpc.ServicerContext) -> bytes:
        return reply

    server = grpc.server(ThreadPoolExecutor(threads), options=[("grpc.so_reuseport", 0)])
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(answer)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Echo": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def main() -> None:
    """Runs until the standard input closes."""
    server, port = serve(int(sys.argv[1]), int(sys.argv[2]))
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop(None).wait()


if __name__ == "__main__":
    main()
