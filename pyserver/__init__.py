"""The scorer process: gRPC services over the engine, bundle loading, health, metrics, orderly start and stop."""
