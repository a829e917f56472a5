"""The demo: a street, its installers and the owner's people, a month from register to bank line."""
