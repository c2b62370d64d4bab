// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/internal/vbdev/vbdevtest"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/nvmf/tcp"
)

// newMethods makes a target with ANA at two ports, and the methods of a
// module.
func newMethods(t *testing.T) (m *vbdevtest.Methods, mod *Module, g *rig, ports [2]string) {
	t.Helper()
	ctx := context.Background()
	g = newTarget(t, spec.TrtypeTCP, nvmf.SubsystemOptions{ANAReporting: true})
	g.addDisk(malloc.Config{Name: "d", NumBlocks: 4096, BlockSize: blockSize})
	must(t, g.target.Start(ctx, g.set))
	g.target.AddModule(tcp.Module{Iobuf: g.pool})
	must(t, g.target.OpenTransport(ctx, spec.TrtypeTCP, func(*nvmf.TransportOptions) {}))
	for i := range ports {
		ports[i] = freePort(t)
		must(t, g.sub.AddListener(ctx, at(ports[i]), nvmf.ListenOptions{}))
	}
	r := vbdevtest.New(t)
	mod = NewModule(r.Reg, transports)
	mod.SetKeyReader(keysOfTest.read)
	r.Reg.AddModule(mod)
	return r.Methods(mod), mod, g, ports
}

func attachTo(port, more string) vbdevtest.Answer {
	return vbdevtest.Answer{
		Method: "bdev_nvme_attach_controller",
		Params: fmt.Sprintf(`{"name":"N","trtype":"TCP","adrfam":"ipv4","traddr":"127.0.0.1","trsvcid":"%s","subnqn":"%s"%s}`, port, subNQN, more),
	}
}

// want completes a call with what it is answered with.
func want(a vbdevtest.Answer, result string) vbdevtest.Answer {
	a.Result = result
	return a
}

func refuse(a vbdevtest.Answer, code int, words ...string) vbdevtest.Answer {
	a.Code, a.Words = code, words
	return a
}

func method(name, params string) vbdevtest.Answer {
	return vbdevtest.Answer{Method: "bdev_nvme_" + name, Params: params}
}

// SPDK v26.09-pre answers with these codes and words.
func TestMethods(t *testing.T) {
	m, _, _, ports := newMethods(t)
	m.Session(
		refuse(attachTo(ports[0], `,"max_bdevs":0`), -22, "max_bdevs cannot be zero"),
		refuse(attachTo(ports[0], `,"num_io_queues":0`), -22, "num_io_queues", "out of bounds, min: 1 max: 65536"),
		refuse(attachTo(ports[0], `,"multipath_opts":{"min_io":0}`), -22, "min_io 0"),
		refuse(attachTo(ports[0], `,"ctrlr_loss_timeout_sec":-2`), -22, "ctrlr_loss_timeout_sec -2"),
		refuse(attachTo(ports[0], `,"dhchap_ctrlr_key":"ctrl"`), -22, "without dhchap_key"),
		refuse(attachTo(ports[0], `,"dhchap_key":"none"`), -126, "dhchap_key", "none"),
		refuse(method("attach_controller", `{"name":"N","trtype":"tcp","adrfam":"ipx","traddr":"x"}`), -22, "Failed to parse adrfam: ipx"),
		refuse(method("attach_controller", `{"name":"N","trtype":"smoke","traddr":"x"}`), -22, "Failed to parse trtype: smoke"),
		refuse(method("attach_controller", `{"name":"N","trtype":"tcp","traddr":"`+strings.Repeat("1", 300)+`"}`), -22, "traddr too long"),
		want(method("get_controllers", `{}`), `[]`),
		refuse(method("get_controllers", `{"name":"N"}`), -22, "Controller N does not exist"),
		refuse(method("detach_controller", `{"name":"N"}`), -19, "No such device: controller N does not exist"),
		want(attachTo(ports[0], ""), `["Nn1"]`),
		refuse(attachTo(ports[0], ""), -114, "A controller named N already exists with the specified network path"),
		refuse(attachTo(ports[1], `,"multipath":"disable"`), -114, "A controller named N already exists and multipath is disabled"),
		refuse(attachTo(ports[1], `,"prchk_guard":true`), -22, "A controller named N already exists. To add a path, do not specify PI options."),
		refuse(attachTo(ports[1], `,"hostnqn":"`+hostNQN+`"`), -22, "A controller named N already exists, but uses a different hostnqn"),
		refuse(method("set_options", `{"bdev_retry_count":1}`), -1, "RPC not permitted with nvme controllers already attached"),
		want(attachTo(ports[1], ""), `["Nn1"]`),
		refuse(method("set_multipath_policy", `{"name":"Nn1","policy":"active_passive","selector":"queue_depth"}`), -22, "selector queue_depth"),
		refuse(method("set_multipath_policy", `{"name":"Nn1","policy":"active_active","selector":"queue_depth","rr_min_io":1}`), -22, "rr_min_io 1"),
		refuse(method("set_multipath_policy", `{"name":"Nn1","policy":"active_active","rr_min_io":0}`), -22, "min_io 0"),
		refuse(method("set_multipath_policy", `{"name":"x","policy":"active_active"}`), -19, "x"),
		want(method("set_multipath_policy", `{"name":"Nn1","policy":"active_active","rr_min_io":4}`), `true`),
		refuse(method("set_preferred_path", `{"name":"Nn1","cntlid":99}`), -19, "cntlid 99"),
		want(method("set_preferred_path", `{"name":"Nn1","cntlid":2}`), `true`),
		want(method("get_io_paths", `{}`), `{"poll_groups":[]}`),
		refuse(method("get_path_iostat", `{"name":"Nn1"}`), -1, "RPC not enabled if enable_io_path_stat is false"),
		refuse(method("reset_controller", `{"name":"N","cntlid":99}`), -19, "cntlid 99"),
		want(method("reset_controller", `{"name":"N"}`), `true`),
		want(method("disable_controller", `{"name":"N"}`), `true`),
		refuse(method("disable_controller", `{"name":"N"}`), -114, "disabled"),
		refuse(method("reset_controller", `{"name":"N"}`), -22, "is disabled; enable it first"),
		want(method("enable_controller", `{"name":"N"}`), `true`),
		refuse(method("enable_controller", `{"name":"N"}`), -114, "not disabled"),
		refuse(method("detach_controller", `{"name":"N","trsvcid":"1"}`), -6, "no such path"),
		want(method("detach_controller", fmt.Sprintf(`{"name":"N","trtype":"TCP","traddr":"127.0.0.1","trsvcid":"%s"}`, ports[0])), `true`),
		want(method("detach_controller", `{"name":"N"}`), `true`),
		want(method("get_controllers", `{}`), `[]`),
		refuse(method("start_discovery", `{"name":"D","trtype":"pcie","traddr":"0"}`), -22, "trtype"),
		refuse(method("stop_discovery", `{"name":"D"}`), -19, "no discovery service D"),
		want(method("get_discovery_info", `{}`), `[]`),
		refuse(method("set_hotplug", `{"enable":true,"period_us":10000001}`), -32602, "10000001"),
	)
}

// TestShown compares what is shown of two paths.
func TestShown(t *testing.T) {
	m, mod, g, ports := newMethods(t)
	m.Session(want(method("set_options", `{"io_path_stat":true}`), `true`),
		want(attachTo(ports[0], `,"hostnqn":"`+hostNQN+`"`), `["Nn1"]`), want(attachTo(ports[1], `,"hostnqn":"`+hostNQN+`"`), `["Nn1"]`))
	must(t, g.sub.SetANAState(m.Ctx, at(ports[0]), spec.ANAInaccessible, 0))
	eventually(t, "the ANA state", func() bool { d, _ := mod.findDisk("Nn1"); return d.listPaths()[0].access() == accessLater })
	trid := func(i int) string {
		return fmt.Sprintf(`{"trtype":"TCP","adrfam":"IPv4","traddr":"127.0.0.1","trsvcid":"%s","subnqn":"%s"}`, ports[i], subNQN)
	}
	ctrlr := func(i int) string {
		return fmt.Sprintf(`{"state":"enabled","trid":%s,"cntlid":%d,"host":{"nqn":"%s","addr":"","svcid":"","no_shn_notification":false}}`, trid(i), i+1, hostNQN)
	}
	m.Session(want(method("get_controllers", `{}`), fmt.Sprintf(`[{"name":"N","ctrlrs":[%s,%s]}]`, ctrlr(0), ctrlr(1))))
	m.Write("Nn1", 0, make([]byte, 4*blockSize))
	d, err := mod.findDisk("Nn1")
	must(t, err)
	shown, err := json.Marshal(d.DriverSpecific())
	must(t, err)
	for _, words := range []string{`"mp_policy":"active_passive"`, `"ns_data":{"id":1,"ana_state":"inaccessible","can_share":true}`, `"ana_state":"optimized"`} {
		if !strings.Contains(string(shown), words) {
			t.Errorf("%s has not got %s", shown, words)
		}
	}
	desc, err := mod.reg.Open(m.Ctx, "Nn1", bdev.Write, nil)
	must(t, err)
	io := desc.Blocking()
	_, err = io.WriteAtContext(m.Ctx, make([]byte, 4*blockSize), 0)
	must(t, err)
	path := func(i int, current, accessible bool) string {
		return fmt.Sprintf(`{"bdev_name":"Nn1","cntlid":%d,"current":%t,"connected":true,"accessible":%t,"transport":{"trtype":"TCP","traddr":"127.0.0.1","trsvcid":"%s","adrfam":"IPv4"}}`,
			i+1, current, accessible, ports[i])
	}
	paths, rpcErr := m.Call("bdev_nvme_get_io_paths", `{"name":"Nn1"}`)
	if rpcErr != nil || !strings.HasSuffix(paths, fmt.Sprintf(`"io_paths":[%s,%s]}]}`, path(0, false, false), path(1, true, true))) {
		t.Errorf("paths %s, %v", paths, rpcErr)
	}
	stats, rpcErr := m.Call("bdev_nvme_get_path_iostat", `{"name":"Nn1"}`)
	for _, words := range []string{trid(0) + `,"stat":{"bytes_read":0,"num_read_ops":0,"bytes_written":0,`, `"bytes_written":2048,"num_write_ops":1,`} {
		if rpcErr != nil || !strings.Contains(stats, words) {
			t.Errorf("accounts %s, %v have not got %s", stats, rpcErr, words)
		}
	}
	must(t, io.Close())
	must(t, desc.Close())
	m.Session(want(method("set_multipath_policy", `{"name":"Nn1","policy":"active_active","selector":"queue_depth"}`), `true`))
	saved := m.Saved(mod)
	for _, words := range []string{
		`"method":"bdev_nvme_attach_controller","params":{"name":"N","trtype":"TCP","adrfam":"IPv4","traddr":"127.0.0.1","trsvcid":"` + ports[1] + `","subnqn":"` + subNQN + `","prchk_reftag":false`,
		`"hostnqn":"` + hostNQN + `","hdgst":false,"ddgst":false,"multipath":"multipath","fabrics_connect_timeout_us":10000000,"num_io_queues":1024,"disable_sq_flow_control":false,"multipath_opts":{"policy":"active_passive"}`,
		`{"method":"bdev_nvme_set_multipath_policy","params":{"name":"Nn1","policy":"active_active","selector":"queue_depth"}}`,
		`{"method":"bdev_nvme_set_hotplug","params":{"period_us":100000,"enable":false}}`,
	} {
		if !strings.Contains(saved, words) {
			t.Errorf("%s has not got %s", saved, words)
		}
	}
}

// TestCommands sends commands, healthy and not.
func TestCommands(t *testing.T) {
	m, _, _, ports := newMethods(t)
	m.Session(want(attachTo(ports[0], ""), `["Nn1"]`))
	var identify spec.Command
	identify.Opcode, identify.CDW10 = spec.AdminIdentify, uint32(spec.CNSController)
	send := func(c spec.Command, more string) (string, int) {
		t.Helper()
		result, err := m.Call("bdev_nvme_send_cmd", fmt.Sprintf(`{"name":"N","cmdbuf":"%s",%s}`, base64.URLEncoding.EncodeToString(spec.Bytes(&c)), more))
		if err != nil {
			return err.Message, err.Code
		}
		return result, 0
	}
	var res struct{ Cpl, Data string }
	text, code := send(identify, `"cmd_type":"admin","data_direction":"c2h","data_len":4096`)
	must(t, json.Unmarshal([]byte(text), &res))
	data, err := base64.URLEncoding.DecodeString(res.Data)
	must(t, err)
	if code != 0 || len(data) != 4096 || !strings.HasPrefix(string(data[24:]), "SPDK bdev Controller") {
		t.Errorf("identify: %d, %d bytes", code, len(data))
	}
	read := spec.Command{Opcode: spec.CmdRead, NSID: 1}
	if text, code = send(read, `"cmd_type":"io","data_direction":"c2h","data_len":512`); code != 0 {
		t.Errorf("read: %d %s", code, text)
	}
	if text, code = send(read, `"cmd_type":"io","data_direction":"c2h","data":"AAAA","data_len":512`); code != -22 || !strings.Contains(text, "data_len 512") {
		t.Errorf("data of another length: %d %s", code, text)
	}
	if text, code = send(read, `"cmd_type":"io","data_direction":"c2h","data_len":4294967295`); code != -22 || !strings.Contains(text, "at most") {
		t.Errorf("too much data: %d %s", code, text)
	}
	m.Session(
		want(method("add_error_injection", `{"name":"N","cmd_type":"admin","opc":2,"do_not_submit":true,"err_count":1,"sct":0,"sc":6}`), `true`),
		refuse(method("get_controller_health_info", `{"name":"N"}`), -32603, "Internal error"),
		want(method("remove_error_injection", `{"name":"N","cmd_type":"admin","opc":2}`), `true`),
		refuse(method("add_error_injection", `{"name":"N","cmd_type":"io","opc":2,"sct":8}`), -22, "sct 8"),
		refuse(method("get_controller_health_info", `{"name":"x"}`), -32603, "Device not found"),
	)
	if text, err := m.Call("bdev_nvme_get_controller_health_info", `{"name":"N"}`); err != nil || !strings.Contains(text, `"temperature_celsius":`) {
		t.Errorf("health %s, %v", text, err)
	}
	image := filepath.Join(t.TempDir(), "image")
	must(t, os.WriteFile(image, []byte("abc"), 0o600))
	m.Session(
		refuse(method("apply_firmware", `{"bdev_name":"Nn1","filename":"`+image+`"}`), -32603, "Firmware image size is not multiple of 4"),
		refuse(method("apply_firmware", `{"bdev_name":"Nn1","filename":"/none"}`), -32603, "open file failed."),
		refuse(method("apply_firmware", `{"bdev_name":"x","filename":"/none"}`), -32603, "could not be opened"),
	)
}
