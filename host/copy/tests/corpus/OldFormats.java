import java.io.ByteArrayOutputStream;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.file.*;
import java.util.List;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.*;

/**
 * Writes message sets of formats 0 and 1 with the record classes of Kafka 3.9, the last release that
 * has them in this form.
 *
 * <pre>
 * OldFormats FOLDER
 * </pre>
 */
public class OldFormats {
    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        for (byte magic : new byte[] {0, 1}) {
            for (String codec : List.of("none", "gzip", "snappy", "lz4")) {
                write(folder, "v" + magic + "-" + codec, magic, codec, TimestampType.CREATE_TIME, false);
            }
        }
        write(folder, "v1-broker-time-none", (byte) 1, "none", TimestampType.LOG_APPEND_TIME, false);
        write(folder, "v1-broker-time-gzip", (byte) 1, "gzip", TimestampType.LOG_APPEND_TIME, false);
        write(folder, "v0-cleaned-gzip", (byte) 0, "gzip", TimestampType.CREATE_TIME, true);
        write(folder, "v1-cleaned-lz4", (byte) 1, "lz4", TimestampType.CREATE_TIME, true);
        write(folder, "v1-cleaned-none", (byte) 1, "none", TimestampType.CREATE_TIME, true);
    }

    /** Four sets of messages behind one another, from offset 1000 on; cleaned ones have holes. */
    static void write(Path folder, String name, byte magic, String codec, TimestampType type, boolean cleaned)
            throws Exception {
        var all = new ByteArrayOutputStream();
        try (var out = new PrintWriter(folder.resolve(name + ".expected").toFile(), "UTF-8")) {
            for (int set = 0; set < 4; set++) {
                long base = 1000 + set * 10;
                var builder = MemoryRecords.builder(
                        ByteBuffer.allocate(1 << 16), magic, Compression.of(codec).build(),
                        magic == 0 ? TimestampType.CREATE_TIME : type, base, Corpus.TIME_MS + 77 + set);
                for (int n = 0; n < 10; n++) {
                    if (cleaned && (n + set) % 3 == 0) continue;
                    var shaped = Corpus.shaped("", set * 10 + n);
                    long time = magic == 0 ? -1 : shaped.timestamp();
                    builder.appendWithOffset(base + n, time, shaped.key(), shaped.value());
                }
                MemoryRecords records = builder.build();
                for (var r : records.records()) {
                    Corpus.print(out, r.offset(), r.timestamp(), bytes(r.key()), bytes(r.value()), new Header[0]);
                }
                all.write(bytes(records.buffer().duplicate()));
            }
        }
        Files.write(folder.resolve(name + ".records"), all.toByteArray());
    }

    static byte[] bytes(ByteBuffer buffer) {
        if (buffer == null) return null;
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }
}
