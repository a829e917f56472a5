"""The agent on the gateway in a home: it reads the devices and sends what they said."""
