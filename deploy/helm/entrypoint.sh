#!/bin/sh
# Stands in for the entry point of the official image, which the probes of the Helm chart call.
exec "$@"
