//! A look-alike of ClickSend's Numbers API for tests. It shares nothing with the gateway.
