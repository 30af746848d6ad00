//! What the gateway is about, without any machinery: values, rules and the purchase state machine.
