"""webhooks: to be written."""

from cloud.portal.routes import Views

VIEWS = Views()
