{{- define "floorcast.name" -}}
{{- if contains "floorcast" .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-floorcast" .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "floorcast.labels" -}}
app.kubernetes.io/name: floorcast
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "floorcast.config" -}}
{{- .Values.config | default (.Files.Get "files/floorcast.toml") -}}
{{- end -}}

{{- define "floorcast.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}
