//! A batch of records as no client of ours would make it, in the bytes of Kafka's own protocol.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::kafka::Topic;

/// The number of `zstd` among the ways to compress, which librdkafka does not know where it is built without it.
const ZSTD: i16 = 4;

/// Produce, of the first version that takes `zstd`.
const PRODUCE: [i16; 2] = [0, 7];

impl Topic {
    /// Writes a batch with one record that is compressed with `zstd`.
    pub async fn produce_zstd(&self, partition: i32) {
        let batch = batch(&zstd(&record(b"{}")));
        let mut request = Vec::new();
        PRODUCE.iter().for_each(|number| request.extend(number.to_be_bytes()));
        request.extend(1_i32.to_be_bytes());
        request.extend(text("test"));
        request.extend((-1_i16).to_be_bytes());
        request.extend((-1_i16).to_be_bytes());
        request.extend(30_000_i32.to_be_bytes());
        request.extend(1_i32.to_be_bytes());
        request.extend(text(&self.name));
        request.extend(1_i32.to_be_bytes());
        request.extend(partition.to_be_bytes());
        request.extend(sized(&batch));
        let mut broker = TcpStream::connect(&self.brokers).await.unwrap();
        broker.write_all(&sized(&request)).await.unwrap();
        let size = broker.read_i32().await.unwrap();
        let mut answer = vec![0; size.try_into().unwrap()];
        broker.read_exact(&mut answer).await.unwrap();
        // The request's number, one topic with its name, and one partition with its number.
        let code = &answer[4 + 4 + 2 + self.name.len() + 4 + 4..][..2];
        assert_eq!(code, [0, 0], "the broker refuses it: {answer:?}");
    }
}

fn text(text: &str) -> Vec<u8> {
    [&i16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    [&i32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// Without key and headers. Lengths are variable, and twice what they say.
fn record(payload: &[u8]) -> Vec<u8> {
    let length = |length: usize| u8::try_from(2 * length).unwrap();
    let content = [&[0, 0, 0, 1, length(payload.len())], payload, &[0]].concat();
    [&[length(content.len())], content.as_slice()].concat()
}

/// One frame of `zstd` with one block, which is raw.
fn zstd(content: &[u8]) -> Vec<u8> {
    const SINGLE_SEGMENT: u8 = 0x20;
    let size = u8::try_from(content.len()).unwrap();
    let block = (u32::from(size) << 3 | 1).to_le_bytes();
    [&[0x28, 0xb5, 0x2f, 0xfd, SINGLE_SEGMENT, size], &block[..3], content].concat()
}

fn batch(records: &[u8]) -> Vec<u8> {
    let mut checked = Vec::new();
    checked.extend(ZSTD.to_be_bytes());
    checked.extend(0_i32.to_be_bytes());
    // First and last time.
    checked.extend([1_i64.to_be_bytes(); 2].concat());
    // No idempotent producer.
    checked.extend((-1_i64).to_be_bytes());
    checked.extend((-1_i16).to_be_bytes());
    checked.extend((-1_i32).to_be_bytes());
    checked.extend(1_i32.to_be_bytes());
    checked.extend(records);
    let rest = [&(-1_i32).to_be_bytes()[..], &[2], &crc32c(&checked).to_be_bytes(), &checked].concat();
    [&0_i64.to_be_bytes()[..], &sized(&rest)].concat()
}

fn crc32c(bytes: &[u8]) -> u32 {
    let shifted = |crc: u32| crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| shifted(crc)))
}
