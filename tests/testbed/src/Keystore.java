import java.io.ByteArrayInputStream;
import java.io.FileOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.regex.Pattern;

/**
 * Turns a PEM file into a Java keystore: FORMAT PASSWORD PEM OUTPUT. A file with a private key
 * becomes one key entry with its chain; one without becomes trusted certificates.
 */
public final class Keystore {
    private static final Pattern BLOCK =
            Pattern.compile("-----BEGIN ([A-Z ]+)-----([^-]+)-----END \\1-----");

    public static void main(String[] arguments) throws Exception {
        char[] password = arguments[1].toCharArray();
        var certificates = new ArrayList<Certificate>();
        byte[] privateKey = null;
        var blocks = BLOCK.matcher(Files.readString(Path.of(arguments[2])));
        while (blocks.find()) {
            byte[] content = Base64.getMimeDecoder().decode(blocks.group(2));
            if (blocks.group(1).equals("PRIVATE KEY")) {
                privateKey = content;
            } else {
                var factory = CertificateFactory.getInstance("X.509");
                certificates.add(factory.generateCertificate(new ByteArrayInputStream(content)));
            }
        }

        var store = KeyStore.getInstance(arguments[0]);
        store.load(null, null);
        if (privateKey != null) {
            var key = KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(privateKey));
            store.setKeyEntry("client", key, password, certificates.toArray(new Certificate[0]));
        } else {
            for (int number = 0; number < certificates.size(); number++) {
                store.setCertificateEntry("authority-" + number, certificates.get(number));
            }
        }
        try (var output = new FileOutputStream(arguments[3])) {
            store.store(output, password);
        }
    }
}
