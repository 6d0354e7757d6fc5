package main

import (
	"io"
	"net"
	"os"
	"time"
)

// forward hands every connection to the socket on to the address. It returns why the socket fails.
func forward(socket *os.File, address string) error {
	l, err := net.FileListener(socket)
	if err != nil {
		return err
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go pass(conn.(*net.TCPConn), address)
	}
}

// pass hands on one connection. While the manager is replaced it is refused there, and so it is here.
func pass(client *net.TCPConn, address string) {
	defer client.Close()
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		_ = client.SetLinger(0)
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	done := make(chan struct{}, 2)
	for _, way := range [][2]*net.TCPConn{{server, client}, {client, server}} {
		go func() {
			_, _ = io.Copy(way[0], way[1]) // the other end hears of it by the end of the connection
			_ = way[0].CloseWrite()
			done <- struct{}{}
		}()
	}
	<-done
	<-done
}
