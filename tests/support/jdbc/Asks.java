import java.sql.*;
import java.util.*;

/** What the JDBC driver of ClickHouse does for a tool: connect, list tables and columns, ask, be refused. */
public class Asks {
    public static void main(String[] args) throws Exception {
        Properties p = new Properties();
        for (int i = 1; i + 1 < args.length; i += 2) p.setProperty(args[i], args[i + 1]);
        try (Connection c = DriverManager.getConnection(args[0], p)) {
            DatabaseMetaData m = c.getMetaData();
            System.out.println("product " + m.getDatabaseProductName() + " " + m.getDatabaseProductVersion());
            System.out.println("valid " + c.isValid(5) + " schema " + c.getSchema());
            print("schemas", m.getSchemas(), 1);
            print("catalogs", m.getCatalogs(), 1);
            print("tables", m.getTables(null, "saldo", "fct_p%", null), 3);
            print("columns", m.getColumns(null, "saldo", "fct_payments", "%"), 4);
            print("types", m.getTableTypes(), 1);
            print("keys", m.getPrimaryKeys(null, "saldo", "fct_payments"), 4);
            try (Statement s = c.createStatement()) {
                s.setMaxRows(2);
                print("rows", s.executeQuery("SELECT number FROM numbers(5)"), 1);
            }
            try (PreparedStatement s = c.prepareStatement("SELECT paytrace_transaction_id, amount_minor, recorded_at FROM fct_payment_events WHERE paytrace_transaction_id = ?")) {
                s.setString(1, "1");
                ResultSetMetaData d = s.getMetaData();
                System.out.println("meta " + (d == null ? "none" : d.getColumnTypeName(2)));
                print("bound", s.executeQuery(), 2);
            }
            try (Statement s = c.createStatement()) {
                s.executeQuery("SELECT nope");
            } catch (SQLException e) {
                System.out.println("unknown " + e.getErrorCode() + " " + e.getMessage().split("\n")[0]);
            }
            try (Statement s = c.createStatement()) {
                s.executeUpdate("DROP TABLE fct_payments");
            } catch (SQLException e) {
                System.out.println("dropped " + e.getErrorCode() + " " + e.getMessage().split("\n")[0]);
            }
        }
    }

    static void print(String what, ResultSet r, int column) throws SQLException {
        StringBuilder line = new StringBuilder(what);
        int count = 0;
        while (r.next() && count++ < 40) line.append(' ').append(r.getString(column));
        System.out.println(line);
    }
}
