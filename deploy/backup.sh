#!/bin/sh
# Save all data of the stack of docker-compose.yaml into a folder, or put them back from there: see docs/compose.md.
#
#   deploy/backup.sh save FOLDER       Airflow's database, its logs, the emulator's buckets, models and jobs
#   deploy/backup.sh restore FOLDER    replaces what is there; FOLDER is one that "save" made
#
# Everything but PostgreSQL stands still meanwhile, since runs in the database and objects in buckets belong together.
# Secrets are in .env alone: without its AIRFLOW_FERNET_KEY the connections in the database can't be read.
set -eu
umask 077

usage() {
  echo "expected save FOLDER or restore FOLDER, received: $*" >&2
  exit 2
}

[ $# -eq 2 ] || usage "$@"
action=$1 folder=$2

services=$(docker compose config --services)
# With compose.cloud.yaml there is no emulator.
volumes=airflow-logs
case $services in *emulator*) volumes="airflow-logs emulator" ;; esac

# tar or find in the volume, by a service that may write there.
in_volume() {
  volume=$1 program=$2
  shift 2
  case $volume in
    airflow-logs) service=scheduler root=/opt/airflow/logs ;;
    emulator) service=emulator root=/var/lib/perennial/emulator ;;
  esac
  docker compose run --rm --no-deps -T --workdir "$root" --entrypoint "$program" "$service" "$@"
}

in_postgres() { docker compose exec -T postgres "$@"; }

pause() {
  docker compose up --detach --wait postgres network
  # shellcheck disable=SC2046  # each is a word
  docker compose stop $(echo "$services" | grep -vxE 'postgres|network|redis')
}

case $action in
  save)
    mkdir -p "$folder"
    trap 'docker compose up --detach --wait' EXIT
    pause
    in_postgres pg_dump --username=airflow --format=custom airflow >"$folder/airflow.dump.part"
    for volume in $volumes; do
      in_volume "$volume" tar --create . >"$folder/$volume.tar.part"
    done
    # Names without ".part" say that all of it was written.
    for part in "$folder"/*.part; do mv "$part" "${part%.part}"; done
    ;;
  restore)
    for file in airflow.dump $(printf '%s.tar ' $volumes); do
      [ -s "$folder/$file" ] || { echo "expected $folder/$file, which save makes" >&2; exit 1; }
    done
    pause
    in_postgres dropdb --username=airflow --force --if-exists airflow
    in_postgres createdb --username=airflow airflow
    in_postgres pg_restore --username=airflow --dbname=airflow --exit-on-error <"$folder/airflow.dump"
    for volume in $volumes; do
      in_volume "$volume" find . -mindepth 1 -delete
      in_volume "$volume" tar --extract <"$folder/$volume.tar"
    done
    docker compose up --detach --wait
    ;;
  *) usage "$@" ;;
esac
