internal import Backbone
internal import Database

extension BackboneError {
    /// What a failure of the database means at the seam.
    init(_ error: DatabaseError) {
        if error.outcomeUnknown {
            self.init(.outcomeUnknown, error.description)
            return
        }
        let code: Code =
            switch error.code {
            case .connection, .timeout, .serialization, .resources, .readOnly, .exhausted: .unavailable
            case .data: .poison
            case .constraint: error.isMissingPartition ? .unavailable : .poison
            case .cancelled, .closed: .stopped
            // A schema that does not fit, a server that was set up wrongly: not the data's fault.
            case .syntax, .configuration, .schema, .other: .unavailable
            }
        self.init(code, error.description)
    }
}

extension DatabaseError {
    /// "no partition of relation … found for row" has class 23 like a bad row, but it is our maintenance that is late:
    /// it comes without a constraint's name.
    var isMissingPartition: Bool { sqlState == "23514" && constraint == nil }
}
