"""Event files that shops already have, read row by row into TrackRequests by a declarative map."""
