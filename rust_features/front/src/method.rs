//! The methods that a front answers, and their paths.

/// Full name of the service that takes events.
pub const EVENT_SERVICE: &str = "cart_recovery.v1.EventService";
/// Full name of the service that decides.
pub const SCORING_SERVICE: &str = "cart_recovery.v1.ScoringService";

macro_rules! methods {
    ($($name:ident: $($path:literal),+;)*) => {
        /// A method of one of the services.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[allow(missing_docs)] // They are named as in the contracts.
        pub enum Method {
            $($name,)*
        }

        impl Method {
            /// The method that answers calls to `path`.
            #[must_use]
            pub fn at(path: &str) -> Option<Self> {
                match path {
                    $($($path)|+ => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// Its name in the contract.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// The method of that name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

methods! {
    Track: "/cart_recovery.v1.EventService/Track";
    TrackStream: "/cart_recovery.v1.EventService/TrackStream";
    Score: "/cart_recovery.v1.ScoringService/Score";
    Confirm: "/cart_recovery.v1.ScoringService/Confirm";
    Explain: "/cart_recovery.v1.ScoringService/Explain";
    Check: "/grpc.health.v1.Health/Check";
    Watch: "/grpc.health.v1.Health/Watch";
    ServerReflectionInfo:
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
}
