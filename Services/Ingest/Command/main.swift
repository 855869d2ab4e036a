// Starts the service.
