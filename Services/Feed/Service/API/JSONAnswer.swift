internal import EventCodec
internal import HTTPServer
internal import Store

extension Response {
    /// An object.
    static func object(_ status: Int = 200, _ members: (inout JSONWriter) -> Void) -> Response {
        var json = JSONWriter()
        json.object(members)
        return .json(status, json.bytes)
    }

    /// `{"data":[…],"next_cursor":…,"has_more":…}`
    static func list<Item>(
        _ page: Page<Item>, cursor: (Item) -> String, _ element: (inout JSONWriter, Item) -> Void
    ) -> Response {
        .object { json in
            json.member(
                "data",
                array: { json in
                    for item in page.items { element(&json, item) }
                })
            json.member("next_cursor", page.hasMore ? page.items.last.map(cursor) : nil)
            json.member("has_more", page.hasMore)
        }
    }

    static var noContent: Response { Response(status: 204) }
}
