public import Database

/// `take_partitions_v1`: takes partitions, so that whoever held them before writes nothing more.
public enum TakePartitionsStatement {
    public static let statement = Statement(
        "partitions.take",
        "select part, epoch, stored, fanned, settled from fanfare.take_partitions_v1($1, $2) order by part")

    public static func parameters(topic: String, parts: [Int]) -> Parameters {
        Parameters {
            $0.add(topic)
            $0.add(parts: parts)
        }
    }

    public static func answer(_ rows: Rows) -> [PartPosition] {
        (0..<rows.count).map { PartPosition(rows, $0) }
    }
}

extension PartPosition {
    /// The first five columns.
    init(_ rows: Rows, _ row: Int) {
        self.init(
            part: rows.int(row, 0), epoch: rows.int64(row, 1), stored: rows.int64(row, 2), fanned: rows.int64(row, 3),
            settled: rows.int64(row, 4))
    }
}

/// `record_fanned_v1`: records how far the fan-out got where no other call carries it (Kafka).
public enum RecordFannedStatement {
    public static let statement = Statement("partitions.fanned", "select fanfare.record_fanned_v1($1, $2, $3, $4)")

    public static func parameters(topic: String, owned: [OwnedPart], fanned: Int64) -> Parameters {
        Parameters {
            $0.add(topic)
            $0.add(owned: owned)
            $0.add(fanned)
        }
    }

    /// The partitions that are another's; when there are any, nothing was written.
    public static func refused(_ rows: Rows) -> [Int] { rows.parts(0, 0) }
}

/// Keeps a log record that cannot be stored, once.
public enum ParkStatement {
    public static let statement = Statement(
        "records.park",
        """
        insert into fanfare.parked_records (topic, part, log_offset, reason, record) values ($1, $2, $3, $4, $5)
        on conflict (topic, part, log_offset) do nothing
        """)

    /// - Parameter reason: For people; free of payload.
    public static func parameters(
        topic: String, part: Int, offset: Int64, reason: String, record: [UInt8]
    ) -> Parameters {
        Parameters {
            $0.add(topic)
            $0.add(Int32(part))
            $0.add(offset)
            $0.add(reason)
            $0.add(bytes: record)
        }
    }
}
