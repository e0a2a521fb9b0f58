// A client of Go's crypto/tls: go run client.go HOST PORT
package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
)

func main() {
	connection, err := tls.Dial("tcp", net.JoinHostPort(os.Args[1], os.Args[2]), &tls.Config{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	connection.Close()
}
