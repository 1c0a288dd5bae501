// Package natstest gives tests a real NATS server: in this process, or as a
// process of its own for tests that kill.
package natstest
