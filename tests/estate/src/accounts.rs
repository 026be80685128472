//! Who logs in where. These accounts exist on test clusters only.

/// A user with its password, for SCRAM-SHA-512 or PLAIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// The user's name.
    pub name: &'static str,
    /// Its password.
    pub password: &'static str,
}

impl Account {
    /// The principal, as `User:name`.
    #[must_use]
    pub fn principal(&self) -> String {
        format!("User:{}", self.name)
    }
}

/// The user of both clusters whom no access control list binds; it fills the source.
pub const ADMIN: Account = Account {
    name: "admin",
    password: "admin-of-both-4711",
};

/// The user that Ferry is at the source: [`crate::rights::source`] says what it may.
pub const FERRY_SOURCE: Account = Account {
    name: "ferry-reader",
    password: "reads-the-source-0815",
};

/// The user that Ferry is at the target: [`crate::rights::target`] says what it may.
pub const FERRY_TARGET: Account = Account {
    name: "ferry-mover",
    password: "moves-to-the-target-1234",
};

/// The users of the applications, to whom the source's access control lists belong.
pub const APPLICATIONS: [Account; 6] = [
    Account {
        name: "orders-service",
        password: "orders-service-77",
    },
    Account {
        name: "pricing-service",
        password: "pricing-service-78",
    },
    Account {
        name: "billing-streams",
        password: "billing-streams-79",
    },
    Account {
        name: "connect-sink",
        password: "connect-sink-80",
    },
    Account {
        name: "analytics",
        password: "analytics-81",
    },
    Account {
        name: "legacy-batch",
        password: "legacy-batch-82",
    },
];
