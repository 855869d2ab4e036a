struct Settings: Sendable {
    /// Of each stage.
    var events = 50_000
    /// Events a second of the run in which all stages work at once.
    var rate = 8_000
    /// Events of one `append`.
    var batch = 20
    /// Deliveries of one event.
    var fanOut = 1
    var envelopeBytes = 600
    var isKeyed = false
    /// One stage alone: append, fan-out, lanes, rate, idle.
    var only: String?
}
