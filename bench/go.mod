module github.com/kedge-run/kedge/bench

go 1.26.0

replace github.com/kedge-run/kedge => ../

require (
	github.com/kedge-run/kedge v0.0.0
	github.com/nats-io/nats-server/v2 v2.15.2
	github.com/nats-io/nats.go v1.55.0
)
