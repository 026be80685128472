import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.*;

/**
 * Writes what the tests of batches replay, with Kafka's own producer and consumer.
 *
 * <pre>
 * Corpus produce BOOTSTRAP          fills the topics, which must exist
 * Corpus consume BOOTSTRAP FOLDER   writes TOPIC.expected for every topic
 * </pre>
 */
public class Corpus {
    static final long TIME_MS = 1_600_000_000_000L;
    static final String[] CODECS = {"none", "gzip", "snappy", "lz4", "zstd"};

    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "produce" -> produce(arguments[1]);
            case "consume" -> consume(arguments[1], Path.of(arguments[2]));
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    // ---- produce -------------------------------------------------------------------------------

    static void produce(String bootstrap) throws Exception {
        for (String codec : CODECS) {
            try (var producer = producer(bootstrap, codec, 500, null)) {
                for (int n = 0; n < 40; n++) producer.send(shaped("plain-" + codec, n));
            }
        }
        tiny(bootstrap);
        for (String codec : List.of("none", "zstd")) {
            try (var producer = producer(bootstrap, codec, 500, null)) {
                for (int n = 0; n < 8; n++) {
                    producer.send(shaped("large-" + codec, n));
                    if (n == 3) producer.send(record("large-" + codec, TIME_MS, "large", noise(20_000)));
                }
            }
        }
        for (String codec : List.of("none", "gzip")) {
            try (var producer = producer(bootstrap, codec, 500, null)) {
                for (int n = 0; n < 16; n++) producer.send(shaped("broker-time-" + codec, n));
            }
        }
        transactions(bootstrap);
        compacted(bootstrap);
    }

    /** One record a batch, from producers with different codecs in turn. */
    static void tiny(String bootstrap) throws Exception {
        var producers = new ArrayList<Producer<byte[], byte[]>>();
        for (String codec : CODECS) producers.add(producer(bootstrap, codec, 0, null));
        for (int n = 0; n < 30; n++) {
            producers.get(n / 3 % CODECS.length).send(shaped("tiny", n)).get();
        }
        for (var producer : producers) producer.close();
    }

    /** Two transactional producers and a plain one side by side; every third transaction aborts. */
    static void transactions(String bootstrap) throws Exception {
        try (var plain = producer(bootstrap, "none", 0, null);
                var left = producer(bootstrap, "lz4", 0, "left");
                var right = producer(bootstrap, "none", 0, "right")) {
            left.initTransactions();
            right.initTransactions();
            for (int n = 0; n < 9; n++) {
                left.beginTransaction();
                right.beginTransaction();
                left.send(shaped("transactions", 10 * n)).get();
                right.send(shaped("transactions", 10 * n + 1)).get();
                plain.send(shaped("transactions", 10 * n + 2)).get();
                left.send(shaped("transactions", 10 * n + 3)).get();
                if (n % 3 == 0) left.abortTransaction(); else left.commitTransaction();
                right.send(shaped("transactions", 10 * n + 4)).get();
                if (n % 3 == 1) right.abortTransaction(); else right.commitTransaction();
            }
        }
    }

    /** Keys that come again and tombstones, for the broker's cleaner to take records out. */
    static void compacted(String bootstrap) throws Exception {
        try (var producer = producer(bootstrap, "none", 200, null)) {
            for (int round = 0; round < 3; round++) {
                for (int n = 0; n < 12; n++) {
                    // Of the first round every third key is never written again.
                    if (round > 0 && n % 3 == 0) continue;
                    byte[] value = n == 4 ? null : text("value " + round + " " + n);
                    producer.send(record("compacted", TIME_MS + round * 100 + n, "key " + n, value));
                }
                producer.flush();
            }
            // A closed segment is what the cleaner looks at.
            for (int n = 0; n < 3; n++) {
                Thread.sleep(300);
                producer.send(record("compacted", TIME_MS + 1_000_000L * (n + 1), "end " + n, text("end"))).get();
            }
        }
    }

    static Producer<byte[], byte[]> producer(String bootstrap, String codec, int linger, String id) {
        var settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("compression.type", codec);
        settings.put("linger.ms", linger);
        settings.put("batch.size", 1500);
        settings.put("max.request.size", 10_000_000);
        if (id != null) settings.put("transactional.id", id);
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /** The n-th of records of many shapes. */
    static ProducerRecord<byte[], byte[]> shaped(String topic, int n) {
        byte[] key = n % 5 == 1 ? null : n % 7 == 2 ? new byte[0] : text("key " + n);
        byte[] value = n % 6 == 3 ? null : n % 8 == 4 ? new byte[0] : text(("value " + n + " ").repeat(1 + n % 9));
        var headers = new ArrayList<Header>();
        for (int h = 0; h < n % 4; h++) {
            headers.add(new RecordHeader(h == 2 ? "" : "header " + h, h == 1 ? null : text("of " + n)));
        }
        // Equal ones, later ones and earlier ones.
        long time = TIME_MS + (n % 3) * 1000L - (n % 10 == 9 ? 5_000_000_000L : 0);
        return new ProducerRecord<>(topic, 0, time, key, value, headers);
    }

    static ProducerRecord<byte[], byte[]> record(String topic, long time, String key, byte[] value) {
        return new ProducerRecord<>(topic, 0, time, text(key), value);
    }

    // ---- consume -------------------------------------------------------------------------------

    static void consume(String bootstrap, Path folder) throws Exception {
        var settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("isolation.level", "read_committed");
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            for (String topic : new TreeSet<>(consumer.listTopics().keySet())) {
                if (topic.startsWith("__")) continue;
                var partition = new TopicPartition(topic, 0);
                consumer.assign(List.of(partition));
                consumer.seekToBeginning(List.of(partition));
                long end = consumer.endOffsets(List.of(partition)).get(partition);
                try (var out = new PrintWriter(folder.resolve(topic + ".expected").toFile(), "UTF-8")) {
                    while (consumer.position(partition) < end) {
                        for (var r : consumer.poll(Duration.ofMillis(200))) {
                            print(out, r.offset(), r.timestamp(), r.key(), r.value(), r.headers().toArray());
                        }
                    }
                }
            }
        }
    }

    static void print(PrintWriter out, long offset, long time, byte[] key, byte[] value, Header[] headers)
            throws Exception {
        var line = new StringBuilder(offset + " " + time + " " + shown(key) + " " + shown(value));
        for (Header header : headers) {
            line.append(" ").append(shown(text(header.key()))).append("=").append(shown(header.value()));
        }
        out.print(line + "\n");
    }

    /** Hexadecimal; "null", or "empty"; of long ones the length and the SHA-256. */
    static String shown(byte[] bytes) throws Exception {
        if (bytes == null) return "null";
        if (bytes.length == 0) return "empty";
        if (bytes.length <= 24) return HexFormat.of().formatHex(bytes);
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(bytes);
        return bytes.length + ":" + HexFormat.of().formatHex(digest, 0, 8);
    }

    static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Bytes that no codec makes smaller. */
    static byte[] noise(int count) {
        byte[] noise = new byte[count];
        new Random(1).nextBytes(noise);
        return noise;
    }
}
