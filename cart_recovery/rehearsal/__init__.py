"""The whole live system on a clock that steps: real nats-server, gRPC, SMTP and HTTP, but time jumps from one thing
that happens to the next. Demo and rehearsal differ only in the world that surrounds the system."""
