package storage

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
)

// openS3 reads the options of s3fs. Without keys the usual places are asked: environment, profile, role of the machine.
func (s *Set) openS3(o *options) opener {
	client := o.mapping("client_kwargs")
	style := o.mapping("config_kwargs").mapping("s3").text("addressing_style")
	key := cmp.Or(o.text("key"), o.text("username"), client.text("aws_access_key_id"))
	secret := cmp.Or(o.text("secret"), o.text("password"), client.text("aws_secret_access_key"))
	token := cmp.Or(o.text("token"), client.text("aws_session_token"))
	endpoint := cmp.Or(o.text("endpoint_url"), client.text("endpoint_url"))
	region := cmp.Or(o.text("region"), client.text("region_name"), client.text("region"))
	profile := o.text("profile")
	anonymous := o.boolean("anon")
	o.ignore("use_ssl", "default_block_size", "default_fill_cache", "default_cache_type", "version_aware", "requester_pays", "cache_regions")
	client.ignore("use_ssl", "verify")
	o.failed(client.done())
	return func(ctx context.Context, bucket string) (*blob.Bucket, error) {
		var load []func(*config.LoadOptions) error
		if profile != "" {
			load = append(load, config.WithSharedConfigProfile(profile))
		}
		switch {
		case anonymous:
			load = append(load, config.WithCredentialsProvider(aws.AnonymousCredentials{}))
		case key != "" || secret != "":
			load = append(load, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(key, secret, token)))
		}
		cfg, err := config.LoadDefaultConfig(ctx, load...)
		if err != nil {
			return nil, err
		}
		cfg.Region = cmp.Or(region, cfg.Region, "us-east-1")
		custom := endpoint != "" || cfg.BaseEndpoint != nil
		client := s3.NewFromConfig(cfg, func(o *s3.Options) {
			o.HTTPClient = s.client()
			if endpoint != "" {
				o.BaseEndpoint = &endpoint
			}
			// Servers other than AWS know neither names of buckets in the host nor the newer checksums.
			o.UsePathStyle = custom && style != "virtual" || style == "path"
			if custom {
				o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
				o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
			}
		})
		return s3blob.OpenBucket(ctx, client, bucket, nil)
	}
}
