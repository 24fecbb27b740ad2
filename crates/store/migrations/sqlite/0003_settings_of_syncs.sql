-- A fingerprint of the settings with which a list was read.
ALTER TABLE provider_syncs ADD COLUMN settings TEXT NOT NULL DEFAULT '';
