// A foreign Workload API client for the tests: go-spiffe fetches, watches and validates, and speaks mTLS with what it was given.
// It prints JSON lines and ends when its stdin does. Nothing of SPIFFE is imitated here.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/jwtbundle"
	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc/status"
)

type fields map[string]any

func say(event string, more fields) {
	line := fields{"event": event}
	for name, value := range more {
		line[name] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}

// codeOf is the gRPC status code that an error carries, "" where it has none.
func codeOf(err error) string {
	for ; err != nil; err = errors.Unwrap(err) {
		if found, ok := status.FromError(err); ok {
			return found.Code().String()
		}
	}
	return ""
}

func described(svid *x509svid.SVID) fields {
	leaf := svid.Certificates[0]
	return fields{"id": svid.ID.String(), "serial": leaf.SerialNumber.Text(16), "authority": hex.EncodeToString(leaf.AuthorityKeyId), "not_after": leaf.NotAfter.UnixMilli(), "chain": len(svid.Certificates), "hint": svid.Hint}
}

func describedContext(update *workloadapi.X509Context) fields {
	svids := []fields{}
	for _, svid := range update.SVIDs {
		svids = append(svids, described(svid))
	}
	bundles := fields{}
	for _, bundle := range update.Bundles.Bundles() {
		bundles[bundle.TrustDomain().Name()] = len(bundle.X509Authorities())
	}
	return fields{"svids": svids, "bundles": bundles}
}

// watcher prints each update and each error as it comes.
type watcher struct{}

func (watcher) OnX509ContextUpdate(update *workloadapi.X509Context) {
	say("x509", describedContext(update))
}
func (watcher) OnX509ContextWatchError(err error) {
	if codeOf(err) != "Canceled" {
		say("error", fields{"of": "x509", "code": codeOf(err), "message": err.Error()})
	}
}
func (watcher) OnJWTBundlesUpdate(set *jwtbundle.Set) {
	counts := fields{}
	for _, bundle := range set.Bundles() {
		keys := []string{}
		for kid := range bundle.JWTAuthorities() {
			keys = append(keys, kid)
		}
		counts[bundle.TrustDomain().Name()] = keys
	}
	say("jwt_bundles", fields{"bundles": counts})
}
func (watcher) OnJWTBundlesWatchError(err error) {
	if codeOf(err) != "Canceled" {
		say("error", fields{"of": "jwt_bundles", "code": codeOf(err), "message": err.Error()})
	}
}

func watch(ctx context.Context, client *workloadapi.Client) error {
	go func() { _ = client.WatchJWTBundles(ctx, watcher{}) }()
	return client.WatchX509Context(ctx, watcher{})
}

// once fetches everything that the Workload API has, and writes the SVID as files where a folder is named.
func once(ctx context.Context, client *workloadapi.Client, folder string) error {
	update, err := client.FetchX509Context(ctx)
	if err != nil {
		return err
	}
	say("x509", describedContext(update))
	if folder == "" {
		return nil
	}
	chain, key, err := update.DefaultSVID().Marshal()
	if err != nil {
		return err
	}
	bundle, err := update.Bundles.GetX509BundleForTrustDomain(update.DefaultSVID().ID.TrustDomain())
	if err != nil {
		return err
	}
	authorities, err := bundle.Marshal()
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{"svid.pem": chain, "key.pem": key, "bundle.pem": authorities} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// token fetches a JWT-SVID and has it validated twice: by the Workload API, and by go-spiffe with the bundles it was given.
func token(ctx context.Context, client *workloadapi.Client, audience string) error {
	svid, err := client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: audience})
	if err != nil {
		return err
	}
	if _, err := client.ValidateJWTSVID(ctx, svid.Marshal(), audience); err != nil {
		return fmt.Errorf("the Workload API does not take its own token: %w", err)
	}
	bundles, err := client.FetchJWTBundles(ctx)
	if err != nil {
		return err
	}
	if _, err := jwtsvid.ParseAndValidate(svid.Marshal(), bundles, []string{audience}); err != nil {
		return fmt.Errorf("go-spiffe does not take the token: %w", err)
	}
	say("jwt", fields{"id": svid.ID.String(), "audience": svid.Audience, "expires": svid.Expiry.UnixMilli(), "token": svid.Marshal()})
	return nil
}

func validate(ctx context.Context, client *workloadapi.Client, audience, text string) error {
	svid, err := client.ValidateJWTSVID(ctx, text, audience)
	if err != nil {
		return err
	}
	say("valid", fields{"id": svid.ID.String()})
	return nil
}

// bundle reads a document as SPIFFE federation publishes it.
func bundle(domain, file string) error {
	name, err := spiffeid.TrustDomainFromString(domain)
	if err != nil {
		return err
	}
	read, err := spiffebundle.Load(name, file)
	if err != nil {
		return err
	}
	sequence, _ := read.SequenceNumber()
	say("bundle", fields{"x509": len(read.X509Authorities()), "jwt": len(read.JWTAuthorities()), "sequence": sequence})
	return nil
}

// proxy listens on loopback and forwards to `target` over mTLS with the SVID that is newest, each request on a connection of its own, so
// that a rotation shows at once. The target's certificate is an SVID (`serverID`), or is judged by the authorities in `caFile`.
func proxy(ctx context.Context, client *workloadapi.Client, target, serverID, caFile string) error {
	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClient(client))
	if err != nil {
		return err
	}
	defer source.Close()
	var config *tls.Config
	if serverID != "" {
		id, err := spiffeid.FromString(serverID)
		if err != nil {
			return err
		}
		config = tlsconfig.MTLSClientConfig(source, source, tlsconfig.AuthorizeID(id))
	} else {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		config = &tls.Config{RootCAs: roots, GetClientCertificate: tlsconfig.GetClientCertificate(source), MinVersion: tls.VersionTLS12}
	}
	where, err := url.Parse(target)
	if err != nil {
		return err
	}
	forward := &httputil.ReverseProxy{
		Rewrite:       func(request *httputil.ProxyRequest) { request.SetURL(where) },
		Transport:     &http.Transport{TLSClientConfig: config, DisableKeepAlives: true},
		FlushInterval: -1,
		ErrorHandler: func(writer http.ResponseWriter, _ *http.Request, err error) {
			say("error", fields{"of": "proxy", "message": err.Error()})
			writer.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(writer, err.Error())
		},
		ModifyResponse: func(response *http.Response) error {
			if svid, err := source.GetX509SVID(); err == nil {
				response.Header.Set("X-Svid-Serial", svid.Certificates[0].SerialNumber.Text(16))
			}
			return nil
		},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: forward, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	svid, err := source.GetX509SVID()
	if err != nil {
		return err
	}
	say("ready", fields{"url": "http://" + listener.Addr().String(), "id": svid.ID.String()})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func main() {
	socket := flag.String("socket", "", "the Workload API, unix:///...")
	folder := flag.String("write", "", "once: the folder for svid.pem, key.pem and bundle.pem")
	audience := flag.String("audience", "", "jwt, validate: the audience")
	text := flag.String("token", "", "validate: the token")
	target := flag.String("to", "", "proxy: the base URL")
	serverID := flag.String("server-id", "", "proxy: the SPIFFE ID of the target")
	caFile := flag.String("ca", "", "proxy: authorities for a target without a SPIFFE ID")
	domain := flag.String("trust-domain", "", "bundle: its trust domain")
	file := flag.String("file", "", "bundle: the document")
	patience := flag.Duration("patience", 20*time.Second, "how long a single answer may take")
	flag.Parse()

	forever, stop := context.WithCancel(context.Background())
	defer stop()
	ctx, done := context.WithTimeout(forever, *patience)
	defer done()
	what := flag.Arg(0)
	fail := func(err error) {
		if err != nil && !errors.Is(err, context.Canceled) {
			say("error", fields{"of": what, "code": codeOf(err), "message": err.Error()})
			os.Exit(1)
		}
	}
	if what == "bundle" {
		fail(bundle(*domain, *file))
		return
	}
	client, err := workloadapi.New(ctx, workloadapi.WithAddr(*socket))
	fail(err)
	defer client.Close()
	go func() {
		_, _ = io.Copy(io.Discard, bufio.NewReader(os.Stdin))
		if what == "watch" || what == "proxy" {
			stop()
		}
	}()
	switch what {
	case "once":
		fail(once(ctx, client, *folder))
	case "watch":
		fail(watch(forever, client))
	case "jwt":
		fail(token(ctx, client, *audience))
	case "validate":
		fail(validate(ctx, client, *audience, *text))
	case "proxy":
		fail(proxy(forever, client, *target, *serverID, *caFile))
	default:
		fail(fmt.Errorf("do what? once, watch, jwt, validate, bundle or proxy"))
	}
}
