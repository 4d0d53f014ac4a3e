// The Go client of the classic protocol as a command: go-client PORT --host URL.
package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/localtunnel/go-localtunnel"
)

func main() {
	if len(os.Args) != 4 || os.Args[2] != "--host" {
		fmt.Fprintln(os.Stderr, "usage: go-client PORT --host URL")
		os.Exit(2)
	}
	port, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	tunnel, err := localtunnel.New(port, "127.0.0.1", localtunnel.Options{BaseURL: os.Args[3]})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("your url is:", tunnel.URL())
	select {}
}
