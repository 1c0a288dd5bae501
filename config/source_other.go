//go:build !unix

package config

import "io/fs"

func identityOf(info fs.FileInfo) identity {
	return identity{size: info.Size(), changed: info.ModTime()}
}
