package main

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"

	"tailscale.com/ipn"
	"tailscale.com/tailcfg"
)

type serviceRequest struct {
	Service string     `json:"service"` // "svc:web"
	Address netip.Addr `json:"address"`
}

// HostService lets a node host a service, as an admin does, and makes the clients of this process take the route to
// it. Which of several hosts a client goes to the control server does not model.
func (n *network) hostService(r *http.Request, in serviceRequest) (nothing, error) {
	name := tailcfg.ServiceName(in.Service)
	if err := name.Validate(); err != nil {
		return nothing{}, err
	}
	node, err := findNode(n.control, r.PathValue("name"))
	if err != nil {
		return nothing{}, err
	}
	mapping, err := json.Marshal(tailcfg.ServiceIPMappings{name: []netip.Addr{in.Address}})
	if err != nil {
		return nothing{}, err
	}
	n.control.SetNodeCapMap(node.Key, tailcfg.NodeCapMap{
		tailcfg.NodeAttrServiceHost: []tailcfg.RawMessage{tailcfg.RawMessage(mapping)},
	})
	n.control.SetSubnetRoutes(node.Key, []netip.Prefix{netip.PrefixFrom(in.Address, in.Address.BitLen())})
	node = n.control.Node(node.Key)
	node.Tags = append(node.Tags, "tag:service")
	n.control.UpdateNode(node)
	n.control.AddDNSRecords(tailcfg.DNSRecord{
		Name:  strings.TrimPrefix(in.Service, "svc:") + "." + n.control.MagicDNSDomain,
		Value: in.Address.String(),
	})
	return nothing{}, n.acceptRoutes(r)
}

func (n *network) acceptRoutes(r *http.Request) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, client := range n.clients {
		local, err := client.LocalClient()
		if err != nil {
			return err
		}
		prefs := &ipn.MaskedPrefs{RouteAllSet: true, Prefs: ipn.Prefs{RouteAll: true}}
		if _, err := local.EditPrefs(r.Context(), prefs); err != nil {
			return err
		}
	}
	return nil
}
