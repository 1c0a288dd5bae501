// Package session runs pipelines of a project: Kedro's kedro.framework.session.
//
// A [KedroSession] owns the life of one run, a [ServiceSession] that of many runs,
// also at the same time. Both are made by a constructor that opens the project
// ([Create], [CreateService]) and satisfy [Session]; [With] is Kedro's with block.
//
//	err := session.With(ctx, open, func(s session.Session) error {
//		result, err := s.Run(ctx, session.RunOptions{PipelineNames: []string{"reporting"}})
//		...
//	})
//
// Everything that belongs to one run (configuration with its runtime parameters,
// resolvers, catalog, hook data) is made for that run, so runs can't see each
// other's values. What is shared is immutable: the pipelines, the hooks and the
// parsed configuration files, which are read again when they changed.
package session
