internal import Observability
public import Tracing

extension Tracer {
    /// The tracer that the settings ask for.
    ///
    /// - Parameter oneIn: One in so many events that came without a trace begins one; 0: none.
    /// - Throws: `ConfigurationError`.
    public convenience init(_ context: ServiceContext, oneIn: Int = 0) throws {
        do throws(TracingError) {
            try self.init(
                Configuration(
                    collector: context.configuration[Settings.tracingCollector],
                    share: oneIn == 0 ? 0 : 1 / Double(oneIn)),
                service: context.configuration.service.rawValue, version: BuildInfo.version, logger: context.logger,
                metrics: context.metrics)
        } catch {
            throw ConfigurationError(["tracing.collector: \(error.message)"])
        }
    }
}
