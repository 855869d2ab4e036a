internal import Backbone
internal import HTTPServer

extension HTTPError {
    /// What a client is told of a failure at the seam.
    init(backbone error: BackboneError) {
        switch error.code {
        case .unavailable, .notOwner: self = .unavailable("the event log cannot be reached; try again")
        case .outcomeUnknown:
            self = .unavailable("it is not known whether the request was carried out: look before you repeat it")
        case .overloaded: self = .unavailable("too much is waiting; try again", code: "overloaded")
        case .stopped: self = .unavailable("the server is shutting down", code: "shutting_down")
        case .poison: self = .internalError()
        }
    }
}
