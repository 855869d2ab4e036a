internal import Backbone

extension KafkaMessage {
    /// The value, read in place.
    func decoded<Record>(
        by read: (UnsafeRawBufferPointer) throws(RecordError) -> Record
    ) -> Result<Record, RecordError> {
        withValue { bytes in
            Result { () throws(RecordError) in try read(bytes) }
        }
    }
}
