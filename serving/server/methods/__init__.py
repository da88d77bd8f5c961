"""The methods of the API, independent of gRPC and REST."""
