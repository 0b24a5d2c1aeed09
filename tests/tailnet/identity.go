package main

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"
	"unsafe"

	"tailscale.com/tailcfg"
	"tailscale.com/tstest/integration/testcontrol"
	"tailscale.com/types/key"
)

// Identity is who owns a node. Empty fields leave what testcontrol made up (user-N@fake-control.example.net).
type identity struct {
	Login       string `json:"login"`
	DisplayName string `json:"displayName"`
	ProfilePic  string `json:"profilePic"`
}

// FindNode is the newest node of that host name which the control server knows: an ephemeral one that
// came back is a new node.
func findNode(control *testcontrol.Server, hostname string) (*tailcfg.Node, error) {
	var found *tailcfg.Node
	for _, node := range control.AllNodes() {
		if node.Hostinfo.Valid() && node.Hostinfo.Hostname() == hostname && (found == nil || node.ID > found.ID) {
			found = node
		}
	}
	if found == nil {
		return nil, fmt.Errorf("the control server knows no node %q", hostname)
	}
	return found, nil
}

// SetIdentity renames the owner of a node and tells every node so. The control server has no call for it: its private
// maps are changed in place, under its lock; the version is pinned.
func setIdentity(control *testcontrol.Server, node *tailcfg.Node, who identity) {
	mu := private[sync.Mutex](control, "mu")
	mu.Lock()
	login := (*private[map[key.NodePublic]*tailcfg.Login](control, "logins"))[node.Key]
	user := (*private[map[key.NodePublic]*tailcfg.User](control, "users"))[node.Key]
	if who.Login != "" {
		login.LoginName = who.Login
	}
	if who.DisplayName != "" {
		login.DisplayName, user.DisplayName = who.DisplayName, who.DisplayName
	}
	if who.ProfilePic != "" {
		login.ProfilePicURL = who.ProfilePic
	}
	mu.Unlock()
	control.UpdateNode(node)
}

func private[T any](control *testcontrol.Server, field string) *T {
	value := reflect.ValueOf(control).Elem().FieldByName(field)
	if value.Type() != reflect.TypeFor[T]() {
		panic("testcontrol.Server." + field + " is now " + value.Type().String())
	}
	return (*T)(unsafe.Pointer(value.UnsafeAddr()))
}

// Expire makes the node's key one of the past, as an admin's "expire" does.
func expire(control *testcontrol.Server, node *tailcfg.Node) {
	node.KeyExpiry = time.Now().Add(-time.Minute)
	control.UpdateNode(node)
}

// Renew makes all keys of a node good again. The control server makes the node of a new key of the one before, with the
// expiry of that, unlike a real one.
func renew(control *testcontrol.Server, hostname string) {
	for _, node := range control.AllNodes() {
		if node.Hostinfo.Valid() && node.Hostinfo.Hostname() == hostname {
			node.KeyExpiry = time.Time{}
			control.UpdateNode(node)
		}
	}
}

// RenewLogin does so with the key that waits at a login page.
func renewLogin(control *testcontrol.Server, url string) {
	_, page, _ := strings.Cut(url, "/auth/")
	mu := private[sync.Mutex](control, "mu")
	mu.Lock()
	path := (*private[map[string]*testcontrol.AuthPath](control, "authPath"))["/auth/"+page]
	mu.Unlock()
	if path == nil {
		return
	}
	nodeKey := (*key.NodePublic)(unsafe.Pointer(reflect.ValueOf(path).Elem().FieldByName("nodeKey").UnsafeAddr()))
	if node := control.Node(*nodeKey); node != nil {
		node.KeyExpiry = time.Time{}
		control.UpdateNode(node)
	}
}
