/* A client of Java's own TLS (JSSE): java Client.java HOST PORT */
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

class Client {
    public static void main(String[] arguments) throws Exception {
        var factory = (SSLSocketFactory) SSLSocketFactory.getDefault();
        try (var socket = (SSLSocket) factory.createSocket(arguments[0], Integer.parseInt(arguments[1]))) {
            socket.startHandshake();
        }
    }
}
