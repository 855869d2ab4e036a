public import Database
public import EventModel

/// Which of some keys were stored within the window, and as which events: what a publisher is told about duplicates
/// before the feed decides (Kafka).
public enum DedupeLookUpStatement {
    public static let statement = Statement(
        "dedupe.look-up",
        """
        select key_hash, event_id from fanfare.dedupe
        where key_hash = any ($1) and stored_at > now() - make_interval(secs => $2) order by stored_at
        """)

    public static func parameters(_ keys: [DedupeKey], window: Duration) -> Parameters {
        Parameters {
            $0.addArray(of: .bytes, reservingBytes: keys.count * 20) { for key in keys { $0.append(key.bytes) } }
            $0.add(interval: window)
        }
    }

    public static func answer(_ rows: Rows) -> [DedupeKey: EventID] {
        var found: [DedupeKey: EventID] = [:]
        for row in 0..<rows.count {
            guard let key = DedupeKey(rows.bytes(row, 0)) else { continue }
            found[key] = rows.identifier(row, 1)
        }
        return found
    }
}
