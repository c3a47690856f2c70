# Sets up a host, with the Debian package from your own repository.
#
#   puppet apply --noop examples/puppet/tcpwrap_alert.pp
#
# hosts.allow comes before hosts.deny: so you cannot lock yourself out half way.
class tcpwrap_alert (
  String $server,
  Sensitive[String] $password,
  Array[String] $allowed,
  Integer $method = 14,
) {
  package { 'tcpwrap-alert':
    ensure => installed,
  }

  file { '/etc/tcpwrap-alert/send_nsca.cfg':
    group   => 'tcpwrap-alert',
    mode    => '0640',
    content => Sensitive(@("END")),
      server=${server}
      password=${password.unwrap}
      encryption_method=${method}
      host_name=${facts['networking']['hostname']}
      | END
    require => Package['tcpwrap-alert'],
  }

  $lines = $allowed.map |$clients| { "ALL: ${clients}\n" }

  file { '/etc/hosts.allow':
    content => $lines.join,
    require => File['/etc/tcpwrap-alert/send_nsca.cfg'],
  }

  file { '/etc/hosts.deny':
    content => "ALL: ALL: spawn (/usr/sbin/handle_tcp_wrapper %h %d) &: deny\n",
    require => File['/etc/hosts.allow'],
  }
}

class { 'tcpwrap_alert':
  server   => 'nagios.example',
  password => Sensitive('s3cret'),
  allowed  => ['127.0.0.0/8 [::1]/128', '192.0.2.10', '198.51.100.0/24'],
}
