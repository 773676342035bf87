"""The web server: processes on one socket, what a connection may do, what is logged."""
