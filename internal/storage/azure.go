package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
)

// azureAccount is how adlfs names an account and who asks.
type azureAccount struct {
	name, key, sas, connection     string
	tenant, clientID, clientSecret string
	host                           string
	anonymous                      bool
	options                        container.ClientOptions
}

// openAzure reads the options of adlfs. Without keys the usual places are asked: environment, workload identity, the machine's
// identity, the command line tool's login.
func (s *Set) openAzure(o *options) opener {
	a := azureAccount{name: o.text("account_name"), key: o.text("account_key"), sas: o.text("sas_token"), connection: o.text("connection_string"),
		tenant: o.text("tenant_id"), clientID: o.text("client_id"), clientSecret: o.text("client_secret"),
		host: o.text("account_host"), anonymous: o.boolean("anon")}
	a.options.Transport = s.client()
	return func(_ context.Context, bucket string) (*blob.Bucket, error) {
		if user, host, ok := strings.Cut(bucket, "@"); ok { // abfss://container@account.dfs.core.windows.net/path
			bucket, a := user, a
			a.name, _, _ = strings.Cut(host, ".")
			return a.open(bucket)
		}
		return a.open(bucket)
	}
}

func (a azureAccount) open(bucket string) (*blob.Bucket, error) {
	client, err := a.client(bucket)
	if err != nil {
		return nil, err
	}
	return azureblob.OpenBucket(context.Background(), client, nil)
}

func (a azureAccount) client(bucket string) (*container.Client, error) {
	if a.connection != "" {
		return container.NewClientFromConnectionString(a.connection, bucket, &a.options)
	}
	if strings.Contains(bucket, ".") || a.name == "" {
		return nil, errors.New("which account? Give account_name in the credentials and write abfs://container/path")
	}
	host := a.host
	if host == "" {
		host = a.name + ".blob.core.windows.net"
	}
	url := fmt.Sprintf("https://%s/%s", host, bucket)
	switch {
	case a.key != "":
		key, err := container.NewSharedKeyCredential(a.name, a.key)
		if err != nil {
			return nil, err
		}
		return container.NewClientWithSharedKeyCredential(url, key, &a.options)
	case a.sas != "":
		return container.NewClientWithNoCredential(url+"?"+strings.TrimPrefix(a.sas, "?"), &a.options)
	case a.anonymous:
		return container.NewClientWithNoCredential(url, &a.options)
	}
	token, err := a.identity()
	if err != nil {
		return nil, err
	}
	return container.NewClient(url, token, &a.options)
}

func (a azureAccount) identity() (azcore.TokenCredential, error) {
	if a.clientSecret != "" {
		return azidentity.NewClientSecretCredential(a.tenant, a.clientID, a.clientSecret, nil)
	}
	return azidentity.NewDefaultAzureCredential(nil)
}
