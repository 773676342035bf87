"""What is asked besides the password: an app's codes, passkeys, recovery codes, and the sign-in that waits for one of them."""
