// SPDX-License-Identifier: BSD-3-Clause

package main

// exceptions are requests whose answers differ, and why.
var exceptions = map[string]string{}

// tolerances are fields that differ, as "method path", and why.
var tolerances = map[string]string{
	"spdk_get_version .version":       "it names both programs",
	"spdk_get_version .gospdk":        "our own version",
	"spdk_get_version .fields.commit": "the commit of SPDK's build",
	"log_get_flags .*":                "each has the components that are built",
}
