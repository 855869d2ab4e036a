internal import EventModel
internal import HTTPServer

/// An entrance for events: a path, and how a request to it becomes events. Ingest's registry holds them all; a new door
/// adds itself and changes nothing else.
protocol Door: Sendable {
    /// Adds the door's routes. Handlers run on the loop thread and must not block.
    func addRoutes(to table: inout RouteTable, hall: Hall)
}

/// What a door made of a request.
enum DoorVerdict: Sendable {
    /// Store these; the answer is made from the receipts.
    case accept(Submission)
    case refuse(HTTPError)
}
